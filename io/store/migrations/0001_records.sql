-- Times are microseconds since 1970 in UTC unless they say otherwise; durations are microseconds.

CREATE TABLE documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    json TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    -- The process that holds it, while it is under way.
    holder TEXT NOT NULL,
    agent TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    user_id TEXT,
    -- in-progress, processing, done, failed
    status TEXT NOT NULL,
    source TEXT,
    text_only BOOLEAN NOT NULL,
    language TEXT NOT NULL,
    started BIGINT NOT NULL,
    wall TEXT NOT NULL,
    duration BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    termination TEXT,
    close_code BIGINT,
    -- What the caller asked for, and the agent as it was: JSON.
    initiation TEXT NOT NULL,
    agent_document TEXT NOT NULL,
    -- JSON; absent until the conversation was looked at afterwards.
    analysis TEXT,
    call_successful TEXT NOT NULL,
    summary TEXT,
    title TEXT,
    score TEXT,
    rating BIGINT,
    comment TEXT,
    -- When it is to be forgotten.
    erase BIGINT,
    -- When only its sound is to be forgotten.
    erase_sound BIGINT
);
CREATE INDEX conversations_by_time ON conversations (started, id);
CREATE INDEX conversations_by_agent ON conversations (agent, started);
CREATE INDEX conversations_by_status ON conversations (status);

CREATE TABLE turns (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    -- From the beginning of the conversation.
    at BIGINT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    heard TEXT NOT NULL,
    interrupted BOOLEAN NOT NULL,
    reckoned BOOLEAN NOT NULL,
    event BIGINT,
    -- Where its time went, JSON.
    stages TEXT,
    score TEXT,
    -- Files that were shown with it, JSON.
    files TEXT,
    PRIMARY KEY (conversation, number)
);

CREATE TABLE tool_calls (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    call_id TEXT NOT NULL,
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    result TEXT NOT NULL,
    is_error BOOLEAN NOT NULL,
    took BIGINT NOT NULL,
    PRIMARY KEY (conversation, number)
);

CREATE TABLE usage (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    llm TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (conversation, number)
);

CREATE TABLE notes (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (conversation, number)
);

-- What the analysis found, so that conversations can be looked up by it.
CREATE TABLE findings (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    -- criterion or datum
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    number DOUBLE PRECISION,
    PRIMARY KEY (conversation, kind, name)
);

CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL,
    name TEXT NOT NULL,
    mime TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX files_by_conversation ON files (conversation);

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    conversation TEXT,
    payload TEXT NOT NULL,
    -- waiting, leased, done, dead
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    holder TEXT,
    lease_ends BIGINT,
    created BIGINT NOT NULL,
    finished BIGINT,
    trouble TEXT
);
CREATE INDEX jobs_by_due ON jobs (state, due);
CREATE INDEX jobs_by_conversation ON jobs (conversation);
