-- Who may use which service, and by what replicas answer from memory. The version before runs on it as well: it adds
-- tables, privileges and one trigger, and holds no table for longer than that takes.
SET LOCAL lock_timeout = '2s';

-- Groups ------------------------------------------------------------------------------------------------------------

CREATE TABLE groups (
    name        text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT groups_pkey PRIMARY KEY (name),
    CONSTRAINT groups_name_check CHECK (name ~ '^[a-z0-9._-]{1,64}$')
);

-- A member is a user, or a client that acts for itself.
CREATE TABLE group_members (
    group_name text NOT NULL,
    user_id    uuid,
    client_id  text,
    CONSTRAINT group_members_user_key UNIQUE (group_name, user_id),
    CONSTRAINT group_members_client_key UNIQUE (group_name, client_id),
    CONSTRAINT group_members_group_fkey FOREIGN KEY (group_name) REFERENCES groups ON DELETE CASCADE,
    CONSTRAINT group_members_user_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT group_members_client_fkey FOREIGN KEY (client_id) REFERENCES clients ON DELETE CASCADE,
    CONSTRAINT group_members_kind_check CHECK (num_nonnulls(user_id, client_id) = 1)
);
CREATE INDEX group_members_user_idx ON group_members (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX group_members_client_idx ON group_members (client_id) WHERE client_id IS NOT NULL;

-- The groups that may use a service. One without any admits nobody.
CREATE TABLE service_groups (
    resource   text NOT NULL,
    service    text NOT NULL,
    group_name text NOT NULL,
    CONSTRAINT service_groups_pkey PRIMARY KEY (resource, service, group_name),
    CONSTRAINT service_groups_service_fkey FOREIGN KEY (resource, service) REFERENCES services ON DELETE CASCADE,
    CONSTRAINT service_groups_group_fkey FOREIGN KEY (group_name) REFERENCES groups ON DELETE CASCADE
);
CREATE INDEX service_groups_group_idx ON service_groups (group_name);

-- Leases ------------------------------------------------------------------------------------------------------------

-- R: replicas answer from memory for most of `granted_ms` after they have read the log to its end, and whoever reports
-- something dead waits `waited_ms` first. Nobody may wait for less than somebody else was granted, so R is lowered in two
-- steps, with a wait between them (`tallystick migrate --revocation-wait`). With 0 there are no leases. The wait is a part
-- of a call, and calls are given up after 10 s.
CREATE TABLE lease_terms (
    only_row   boolean NOT NULL DEFAULT true,
    granted_ms integer NOT NULL DEFAULT 1000,
    waited_ms  integer NOT NULL DEFAULT 1000,
    CONSTRAINT lease_terms_pkey PRIMARY KEY (only_row),
    CONSTRAINT lease_terms_only_row_check CHECK (only_row),
    CONSTRAINT lease_terms_waited_check CHECK (granted_ms BETWEEN 0 AND waited_ms AND waited_ms <= 5000)
);
INSERT INTO lease_terms DEFAULT VALUES;

-- Rises with every change of what resources offer, to whom, and by which scopes: two records that were read at the same
-- version belong together.
CREATE TABLE policy (
    only_row boolean NOT NULL DEFAULT true,
    version  bigint  NOT NULL DEFAULT 0,
    CONSTRAINT policy_pkey PRIMARY KEY (only_row),
    CONSTRAINT policy_only_row_check CHECK (only_row)
);
INSERT INTO policy DEFAULT VALUES;

-- A trigger, so that no writer can forget it. Whoever inserts into the log holds its lock, so nobody waits for this row.
CREATE FUNCTION policy_follows_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE kind = 'policy') THEN
        UPDATE policy SET version = (SELECT max(position) FROM added WHERE kind = 'policy');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER policy_follows_the_log AFTER INSERT ON invalidations REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION policy_follows_the_log();

-- The log is never empty: a replica that finds the row at its own position gone knows that it has missed some.
INSERT INTO invalidations (kind, key) VALUES ('policy', '');

-- Who may touch what ------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE, DELETE ON groups, group_members, service_groups TO tallystick_authorize;
GRANT SELECT, UPDATE (version) ON policy TO tallystick_authorize;
GRANT SELECT ON lease_terms TO tallystick_authorize, tallystick_token, tallystick_introspect;
GRANT SELECT ON
    invalidations, policy, scope_covers, services, service_groups, group_members TO tallystick_introspect;
GRANT SELECT (name, digest, role, expires_at, revoked_at) ON operators TO tallystick_introspect;
GRANT SELECT (ended_at, end_reason) ON grants TO tallystick_introspect;
