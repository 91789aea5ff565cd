use super::*;

#[test]
fn the_generic_script_is_sound() {
    assert!(parse::script(GENERIC).expect("a script").is_some());
}
