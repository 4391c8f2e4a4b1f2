ALTER TABLE projects ADD COLUMN drop_older_than_seconds BIGINT;
ALTER TABLE projects ADD COLUMN cookieless_mode BIGINT NOT NULL DEFAULT 0;
CREATE TABLE ingestion_warnings (
    project BIGINT NOT NULL, kind TEXT NOT NULL, hour BIGINT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (project, kind, hour)
) WITHOUT ROWID;
CREATE TABLE ingestion_warning_samples (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, details TEXT NOT NULL
);
CREATE INDEX ingestion_warning_samples_by_kind ON ingestion_warning_samples (project, kind, id);
CREATE TABLE event_definitions (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, name TEXT NOT NULL, created_at BIGINT NOT NULL, last_seen_at BIGINT,
    description TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '[]', verified BOOLEAN NOT NULL DEFAULT FALSE,
    hidden BOOLEAN NOT NULL DEFAULT FALSE, enforcement_mode TEXT NOT NULL DEFAULT 'allow', primary_property TEXT,
    updated_at BIGINT, updated_by BIGINT
);
CREATE UNIQUE INDEX event_definitions_by_name ON event_definitions (project, name);
CREATE TABLE property_definitions (
    id INTEGER PRIMARY KEY, project BIGINT NOT NULL, kind BIGINT NOT NULL, group_index BIGINT NOT NULL, name TEXT NOT NULL,
    property_type TEXT, created_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL, description TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '[]', verified BOOLEAN NOT NULL DEFAULT FALSE, hidden BOOLEAN NOT NULL DEFAULT FALSE,
    updated_at BIGINT, updated_by BIGINT
);
CREATE UNIQUE INDEX property_definitions_by_name ON property_definitions (project, kind, group_index, name);
CREATE TABLE event_properties (
    event BIGINT NOT NULL, property BIGINT NOT NULL, PRIMARY KEY (event, property)
) WITHOUT ROWID;
CREATE INDEX event_properties_by_property ON event_properties (property);
CREATE TABLE cookieless_salts (day BIGINT PRIMARY KEY, salt BLOB NOT NULL);
