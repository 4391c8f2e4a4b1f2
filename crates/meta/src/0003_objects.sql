ALTER TABLE projects ADD COLUMN week_start_day BIGINT NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN test_account_filters TEXT NOT NULL DEFAULT '[]';
ALTER TABLE projects ADD COLUMN path_cleaning_filters TEXT NOT NULL DEFAULT '[]';
ALTER TABLE projects ADD COLUMN person_display_name_properties TEXT;
ALTER TABLE projects ADD COLUMN persons_on_events_mode TEXT NOT NULL DEFAULT 'person_id_override_properties_on_events';
ALTER TABLE personal_api_keys ADD COLUMN last_rolled_at BIGINT;
CREATE UNIQUE INDEX persons_by_number ON persons (project, number);
CREATE INDEX person_overrides_by_number ON person_overrides (project, from_number);
CREATE TABLE person_deletions (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, person_uuid BLOB NOT NULL, number BIGINT NOT NULL, delete_events BOOLEAN NOT NULL,
    requested_by BIGINT, requested_at BIGINT NOT NULL, finished_at BIGINT
);
CREATE INDEX person_deletions_by_person ON person_deletions (project, person_uuid);
CREATE INDEX person_deletions_open ON person_deletions (project, number) WHERE finished_at IS NULL;
CREATE TABLE cohorts (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, filters TEXT NOT NULL, groups TEXT NOT NULL,
    is_static BOOLEAN NOT NULL, deleted BOOLEAN NOT NULL, created_by BIGINT, created_at BIGINT NOT NULL, version BIGINT NOT NULL,
    members BLOB, member_count BIGINT, calculated_version BIGINT, calculated_at BIGINT, calculated_through BIGINT NOT NULL,
    calculated_changes BIGINT NOT NULL, errors BIGINT NOT NULL, last_error TEXT
);
CREATE INDEX cohorts_by_project ON cohorts (project, id);
CREATE TABLE actions (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL, steps TEXT NOT NULL,
    post_to_slack BOOLEAN NOT NULL, slack_message_format TEXT NOT NULL, deleted BOOLEAN NOT NULL, pinned_at BIGINT, created_by BIGINT,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);
CREATE INDEX actions_by_project ON actions (project, id);
ALTER TABLE group_types ADD COLUMN name_singular TEXT;
ALTER TABLE group_types ADD COLUMN name_plural TEXT;
CREATE INDEX groups_by_age ON groups (project, type_index, created_at, key);
INSERT INTO positions (name, value) VALUES ('person_changes', 0);
