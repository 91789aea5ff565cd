-- Replies whose llm did not say how many tokens they took.
ALTER TABLE usage ADD COLUMN unmetered BIGINT NOT NULL DEFAULT 0;
