# For the scripts beside it, which source it from the project's folder.

# A setting, from the environment or .env: the first of these names that has a value.
setting() {
    local name value
    for name in "$@"; do
        value="${!name:-}"
        if [ -z "$value" ] && [ -f .env ]; then
            value="$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$name[[:space:]]*=[[:space:]]*//p" .env | tail -n 1 |
                sed -E "s/[[:space:]]+#.*$//; s/[[:space:]\r]+$//; s/^\"(.*)\"$/\1/; s/^'(.*)'$/\1/")"
        fi
        if [ -n "$value" ]; then
            printf '%s' "$value"
            return
        fi
    done
}
