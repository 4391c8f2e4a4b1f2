CREATE TABLE organizations (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE users (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, distinct_id TEXT NOT NULL, first_name TEXT NOT NULL,
    last_name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, is_staff BOOLEAN NOT NULL, date_joined BIGINT NOT NULL,
    organization TEXT NOT NULL REFERENCES organizations (id), current_project BIGINT
);
CREATE TABLE projects (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, organization TEXT NOT NULL REFERENCES organizations (id),
    api_token TEXT NOT NULL UNIQUE, name TEXT NOT NULL, timezone TEXT NOT NULL, anonymize_ips BOOLEAN NOT NULL,
    ingested_event BOOLEAN NOT NULL, created_at BIGINT NOT NULL, retention_days BIGINT
);
CREATE TABLE personal_api_keys (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id BIGINT NOT NULL REFERENCES users (id), secure_value TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL, mask_value TEXT NOT NULL, created_at BIGINT NOT NULL, last_used_at BIGINT,
    scopes TEXT, scoped_teams TEXT NOT NULL, scoped_organizations TEXT NOT NULL
);
-- The properties of a person are JSON, or packed (packed.rs).
CREATE TABLE persons (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, number BIGINT NOT NULL, uuid BLOB NOT NULL, properties TEXT NOT NULL, email TEXT,
    is_identified BOOLEAN NOT NULL, created_at BIGINT NOT NULL, version BIGINT NOT NULL
);
CREATE UNIQUE INDEX persons_by_uuid ON persons (project, uuid);
CREATE INDEX persons_by_age ON persons (project, created_at, id);
CREATE INDEX persons_by_email ON persons (project, email);
CREATE TABLE person_numbers (project INTEGER PRIMARY KEY, last BIGINT NOT NULL);
CREATE TABLE distinct_ids (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, distinct_id TEXT NOT NULL, person_id BIGINT NOT NULL
);
CREATE UNIQUE INDEX distinct_ids_by_name ON distinct_ids (project, distinct_id);
CREATE INDEX distinct_ids_by_person ON distinct_ids (person_id, id);
CREATE TABLE person_overrides (
    project BIGINT NOT NULL, from_uuid BLOB NOT NULL, from_number BIGINT NOT NULL, into_uuid BLOB NOT NULL, into_number BIGINT NOT NULL,
    id BIGINT NOT NULL, applied BIGINT NOT NULL, retired BOOLEAN NOT NULL, PRIMARY KEY (project, from_uuid)
);
CREATE INDEX person_overrides_by_into ON person_overrides (project, into_uuid);
CREATE INDEX person_overrides_in_use ON person_overrides (project, id) WHERE NOT retired;
CREATE TABLE derived_ids (
    project BIGINT NOT NULL, distinct_id TEXT NOT NULL, number BIGINT, generation BIGINT NOT NULL, PRIMARY KEY (project, distinct_id)
);
CREATE TABLE deleted_persons (
    project BIGINT NOT NULL, number BIGINT NOT NULL, requested_at BIGINT NOT NULL, applied BIGINT NOT NULL, PRIMARY KEY (project, number)
);
CREATE TABLE group_types (
    project BIGINT NOT NULL, name TEXT NOT NULL, type_index BIGINT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (project, name)
);
CREATE TABLE groups (
    project BIGINT NOT NULL, type_index BIGINT NOT NULL, key TEXT NOT NULL, properties TEXT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (project, type_index, key)
);
CREATE TABLE positions (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO positions (name, value) VALUES ('applied', 0), ('flushed', 0), ('next_segment', 1), ('last_merge', 0);
CREATE TABLE resolved (first BIGINT PRIMARY KEY, last BIGINT NOT NULL, blob BLOB NOT NULL);
CREATE TABLE segments (
    id BIGINT PRIMARY KEY, project BIGINT NOT NULL, level BIGINT NOT NULL, rows BIGINT NOT NULL, file_bytes BIGINT NOT NULL, min_timestamp BIGINT NOT NULL,
    max_timestamp BIGINT NOT NULL, checksum BIGINT NOT NULL, merges_through BIGINT NOT NULL,
    deleted BLOB
);
