-- What the rules of the core keep. The version before runs on it as well: every new column has a default or may be null.
--
-- It holds three tables exclusively until it commits: access_tokens for a moment; grants while one index is built, so for
-- one read of the table; consents for one rewrite. Requests wait meanwhile, and after two seconds are told to come back.
-- The locks are taken first and together, so that nothing has been held for long if one of them cannot be had within two
-- seconds: then nothing has changed, and the migration may be run again at another time. Constraints are NOT VALID where
-- every row there is fulfils them anyway, which spares reading the rows under the lock; of new rows they hold.
SET LOCAL lock_timeout = '2s';
LOCK TABLE grants, consents, access_tokens IN ACCESS EXCLUSIVE MODE;

-- Access tokens -----------------------------------------------------------------------------------------------------

-- A label says what a client wants a token for. One that no grant stands behind is revoked by itself (RFC 7009 §2.1).
ALTER TABLE access_tokens
    ADD COLUMN label text NOT NULL DEFAULT '',
    ADD COLUMN revoked_at timestamptz,
    ADD CONSTRAINT access_tokens_label_check CHECK (char_length(label) <= 100) NOT VALID;
GRANT UPDATE (revoked_at) ON access_tokens TO tallystick_token;

-- Grants ------------------------------------------------------------------------------------------------------------

-- Until when an access token of a grant may live. Null in rows of the version before: a day, the longest that any may
-- last, from when they were made or last refreshed.
ALTER TABLE grants ADD COLUMN access_expires_at timestamptz;
GRANT UPDATE (access_expires_at) ON grants TO tallystick_token;

ALTER TABLE grants DROP CONSTRAINT grants_end_reason_check;
ALTER TABLE grants ADD CONSTRAINT grants_end_reason_check CHECK (end_reason IN (
    'code_replayed', 'refresh_reused', 'revoked_by_operator', 'revoked_by_client', 'withdrawn', 'expired'
)) NOT VALID;
-- Ended grants are deleted in the order in which they ended.
CREATE INDEX grants_ended_at_idx ON grants (ended_at, grant_id) WHERE ended_at IS NOT NULL;
GRANT DELETE ON grants, invalidations TO tallystick_token;
-- What the account page shows of them.
GRANT SELECT (grant_id, client_id, user_id, scopes, client_epoch, user_epoch, consent_epoch, created_at, refreshed_at,
    refresh_generation, refresh_limit_left, refresh_idle_expires_at, refresh_expires_at, access_expires_at, ended_at)
    ON grants TO tallystick_authorize;

-- People ------------------------------------------------------------------------------------------------------------

-- Since when a client has had a user's consent, however often it was renewed.
ALTER TABLE consents ADD COLUMN given_at timestamptz;
UPDATE consents SET given_at = updated_at;
ALTER TABLE consents ALTER COLUMN given_at SET DEFAULT clock_timestamp(), ALTER COLUMN given_at SET NOT NULL;
-- What a remembered consent rests on: the epochs at which it was given, null when the version before wrote it, and whether
-- the page said that the client may keep its access while the user is away.
ALTER TABLE consents
    ADD COLUMN user_epoch bigint,
    ADD COLUMN client_epoch bigint,
    ADD COLUMN offline boolean NOT NULL DEFAULT false;

-- The last version of each scope that was deleted, so that no other of its name ever passes for it.
CREATE TABLE deleted_scopes (
    name    text   NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT deleted_scopes_pkey PRIMARY KEY (name)
);
GRANT SELECT, INSERT, UPDATE ON deleted_scopes TO tallystick_authorize;

-- Sessions that were signed out, until they would have expired: says no to those that Redis brings back.
CREATE TABLE ended_sessions (
    digest     bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ended_sessions_pkey PRIMARY KEY (digest),
    CONSTRAINT ended_sessions_digest_check CHECK (octet_length(digest) = 32)
);
CREATE INDEX ended_sessions_expires_at_idx ON ended_sessions (expires_at);
GRANT SELECT, INSERT, DELETE ON ended_sessions TO tallystick_authorize;

-- Audit -------------------------------------------------------------------------------------------------------------

-- Every decision at authorize and token, refusals included; nothing in it is secret. Partitioned by the day (UTC, counted
-- since 1970), without a default partition; whole days leave together.
CREATE TABLE audit_events (
    day         integer     NOT NULL,
    event_id    uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    service     text        NOT NULL,
    event       text        NOT NULL,
    outcome     text        NOT NULL,
    actor       text        NOT NULL DEFAULT '',
    client_id   text,
    user_id     uuid,
    grant_id    uuid,
    source      text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    error       text        NOT NULL DEFAULT '',
    detail      text        NOT NULL DEFAULT '',
    attributes  jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_pkey PRIMARY KEY (day, event_id),
    CONSTRAINT audit_events_day_check CHECK (day = floor(extract(epoch FROM occurred_at) / 86400)),
    CONSTRAINT audit_events_service_check CHECK (service IN ('authorize', 'token')),
    CONSTRAINT audit_events_event_check CHECK (event ~ '^[a-z_]{1,64}$'),
    CONSTRAINT audit_events_outcome_check CHECK (outcome IN ('success', 'refused')),
    CONSTRAINT audit_events_attributes_check CHECK (jsonb_typeof(attributes) = 'object')
) PARTITION BY LIST (day);
CREATE INDEX audit_events_occurred_at_idx ON audit_events (occurred_at DESC, event_id);
CREATE INDEX audit_events_client_id_idx ON audit_events (client_id, occurred_at DESC) WHERE client_id IS NOT NULL;
CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, occurred_at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_grant_id_idx ON audit_events (grant_id, occurred_at DESC) WHERE grant_id IS NOT NULL;
-- The few events, among the many of a client or user, that bear on whatever rests on them.
CREATE INDEX audit_events_client_standing_idx ON audit_events (client_id, occurred_at DESC) WHERE event IN (
    'client_updated', 'client_enabled', 'client_disabled', 'client_deleted', 'client_secret_rotated', 'client_revoked'
);
CREATE INDEX audit_events_user_standing_idx ON audit_events (user_id, occurred_at DESC) WHERE event IN (
    'user_enabled', 'user_disabled', 'user_deleted', 'user_password_set', 'consent_withdrawn'
);
-- What operators look for: somebody's doings, what was refused, and what does not happen all the time.
CREATE INDEX audit_events_actor_idx ON audit_events (actor, occurred_at DESC) WHERE actor <> '';
CREATE INDEX audit_events_refused_idx ON audit_events (occurred_at DESC, event_id) WHERE outcome = 'refused';
CREATE INDEX audit_events_rare_idx ON audit_events (event, occurred_at DESC)
    WHERE event NOT IN ('code_issued', 'token_issued', 'refreshed');
GRANT SELECT, INSERT ON audit_events TO tallystick_authorize, tallystick_token;

GRANT CREATE ON SCHEMA public TO tallystick_partitions;
ALTER TABLE audit_events OWNER TO tallystick_partitions;
REVOKE CREATE ON SCHEMA public FROM tallystick_partitions;

-- The first days, so that authorize can write before token has made any.
DO $$
DECLARE
    today integer := floor(extract(epoch FROM clock_timestamp()) / 86400);
BEGIN
    SET LOCAL ROLE tallystick_partitions;
    FOR wanted IN today .. today + 7 LOOP
        EXECUTE format(
            'CREATE TABLE partitions.audit_events_%1$s PARTITION OF audit_events FOR VALUES IN (%1$s)', wanted
        );
    END LOOP;
    RESET ROLE;
END
$$;
