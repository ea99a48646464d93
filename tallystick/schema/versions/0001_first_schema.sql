-- What must survive (Postgres remembers, Redis forgets). Every rule that one row can break is a named constraint here.

-- Clients -----------------------------------------------------------------------------------------------------------

CREATE TABLE clients (
    client_id                     text        NOT NULL,
    name                          text        NOT NULL,
    version                       text        NOT NULL,
    description                   text        NOT NULL DEFAULT '',
    client_type                   text        NOT NULL,
    application_type              text        NOT NULL,
    redirect_uris                 text[]      NOT NULL,
    grant_types                   text[]      NOT NULL,
    token_endpoint_auth_method    text        NOT NULL,
    access_token_lifetime_seconds integer,
    refresh_limit                 integer,
    allow_plain_pkce              boolean     NOT NULL DEFAULT false,
    enabled                       boolean     NOT NULL DEFAULT true,
    epoch                         bigint      NOT NULL DEFAULT 0,
    branding_title                text        NOT NULL DEFAULT '',
    branding_logo                 bytea       NOT NULL DEFAULT '',
    branding_header               text        NOT NULL DEFAULT '',
    branding_footer               text        NOT NULL DEFAULT '',
    created_at                    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT clients_pkey PRIMARY KEY (client_id),
    CONSTRAINT clients_name_version_key UNIQUE (name, version),
    CONSTRAINT clients_client_id_check CHECK (client_id ~ '^[a-z2-7]{26}$'),
    CONSTRAINT clients_client_type_check CHECK (client_type IN ('confidential', 'public')),
    CONSTRAINT clients_application_type_check CHECK (application_type IN ('web', 'native')),
    CONSTRAINT clients_grant_types_check
        CHECK (grant_types <@ ARRAY['authorization_code', 'refresh_token', 'client_credentials']),
    CONSTRAINT clients_token_endpoint_auth_method_check
        CHECK (token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post', 'none')),
    -- A public client cannot keep a secret, and only such a one may go without (RFC 6749 §2.1).
    CONSTRAINT clients_public_has_no_secret_check
        CHECK ((client_type = 'public') = (token_endpoint_auth_method = 'none')),
    -- Client credentials are for confidential clients only (RFC 6749 §4.4).
    CONSTRAINT clients_credentials_grant_check
        CHECK (client_type = 'confidential' OR NOT 'client_credentials' = ANY (grant_types)),
    CONSTRAINT clients_access_token_lifetime_check CHECK (access_token_lifetime_seconds BETWEEN 1 AND 86400),
    CONSTRAINT clients_refresh_limit_check CHECK (refresh_limit >= 0),
    CONSTRAINT clients_branding_logo_check CHECK (octet_length(branding_logo) <= 65536)
);

CREATE TABLE client_secrets (
    client_id  text        NOT NULL,
    digest     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    CONSTRAINT client_secrets_pkey PRIMARY KEY (client_id, digest),
    CONSTRAINT client_secrets_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients ON DELETE CASCADE,
    CONSTRAINT client_secrets_digest_check CHECK (octet_length(digest) = 32)
);

-- Protected resources and scopes ------------------------------------------------------------------------------------

CREATE TABLE resources (
    identifier text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT resources_pkey PRIMARY KEY (identifier)
);

CREATE TABLE resource_callers (
    resource  text NOT NULL,
    client_id text NOT NULL,
    CONSTRAINT resource_callers_pkey PRIMARY KEY (resource, client_id),
    CONSTRAINT resource_callers_resource_fkey FOREIGN KEY (resource) REFERENCES resources ON DELETE CASCADE,
    CONSTRAINT resource_callers_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients ON DELETE CASCADE
);
CREATE INDEX resource_callers_client_id_idx ON resource_callers (client_id);

CREATE TABLE services (
    resource text NOT NULL,
    service  text NOT NULL,
    CONSTRAINT services_pkey PRIMARY KEY (resource, service),
    CONSTRAINT services_resource_fkey FOREIGN KEY (resource) REFERENCES resources ON DELETE CASCADE
);

CREATE TABLE scopes (
    name        text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT scopes_pkey PRIMARY KEY (name),
    CONSTRAINT scopes_name_check CHECK (name ~ '^[a-z0-9._:-]{1,100}$')
);

-- Lets a resource server introspect with an access token of its own; it covers no resource, so its audience is the issuer.
INSERT INTO scopes (name, description) VALUES ('introspect', 'Ask whether tokens are live');

CREATE TABLE scope_covers (
    scope    text NOT NULL,
    resource text NOT NULL,
    service  text NOT NULL,
    CONSTRAINT scope_covers_pkey PRIMARY KEY (scope, resource, service),
    CONSTRAINT scope_covers_scope_fkey FOREIGN KEY (scope) REFERENCES scopes ON DELETE CASCADE,
    -- A service that a scope covers cannot be taken away under it.
    CONSTRAINT scope_covers_service_fkey FOREIGN KEY (resource, service) REFERENCES services
);
CREATE INDEX scope_covers_service_idx ON scope_covers (resource, service);

CREATE TABLE client_scopes (
    client_id text NOT NULL,
    scope     text NOT NULL,
    CONSTRAINT client_scopes_pkey PRIMARY KEY (client_id, scope),
    CONSTRAINT client_scopes_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients ON DELETE CASCADE,
    CONSTRAINT client_scopes_scope_fkey FOREIGN KEY (scope) REFERENCES scopes ON DELETE CASCADE
);
CREATE INDEX client_scopes_scope_idx ON client_scopes (scope);

-- People ------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    user_id       uuid        NOT NULL,
    username      text        NOT NULL,
    password_hash text        NOT NULL,
    enabled       boolean     NOT NULL DEFAULT true,
    epoch         bigint      NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT users_pkey PRIMARY KEY (user_id),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_password_hash_check CHECK (password_hash LIKE '$argon2id$%')
);

-- What a user agreed to, per client. Its epoch outlives a withdrawal, so that what was granted before stays dead.
CREATE TABLE consents (
    user_id      uuid        NOT NULL,
    client_id    text        NOT NULL,
    scopes       text[]      NOT NULL,
    scope_versions bigint[]  NOT NULL,
    redirect_uri text        NOT NULL,
    epoch        bigint      NOT NULL DEFAULT 0,
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consents_pkey PRIMARY KEY (user_id, client_id),
    CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT consents_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients ON DELETE CASCADE,
    CONSTRAINT consents_scope_versions_check CHECK (cardinality(scopes) = cardinality(scope_versions))
);
CREATE INDEX consents_client_id_idx ON consents (client_id);

CREATE TABLE operators (
    name       text        NOT NULL,
    digest     bytea       NOT NULL,
    role       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT operators_pkey PRIMARY KEY (name),
    CONSTRAINT operators_digest_key UNIQUE (digest),
    CONSTRAINT operators_name_check CHECK (name ~ '^[a-z0-9._-]{1,64}$'),
    CONSTRAINT operators_digest_check CHECK (octet_length(digest) = 32),
    CONSTRAINT operators_role_check CHECK (role IN ('viewer', 'admin'))
);

-- Grants and tokens -------------------------------------------------------------------------------------------------

-- One row per spent code; whoever inserts it has spent the code. No foreign keys: an ended grant outlives its client
-- and its user, and whether those are still there is judged by joining them.
CREATE TABLE grants (
    grant_id                  uuid        NOT NULL,
    code_id                   text        NOT NULL,
    code_digest               bytea       NOT NULL,
    redemption_id             uuid        NOT NULL,
    client_id                 text        NOT NULL,
    user_id                   uuid        NOT NULL,
    scopes                    text[]      NOT NULL,
    redirect_uri              text        NOT NULL,
    redirect_uri_sent         boolean     NOT NULL,
    code_challenge            text,
    code_challenge_method     text,
    client_epoch              bigint      NOT NULL,
    user_epoch                bigint      NOT NULL,
    consent_epoch             bigint      NOT NULL,
    created_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at                  timestamptz,
    end_reason                text,
    -- The refresh family; all null when no refresh token was issued.
    refresh_generation        integer,
    refresh_digest            bytea,
    refresh_limit_left        integer,
    refresh_idle_expires_at   timestamptz,
    refresh_expires_at        timestamptz,
    refreshed_at              timestamptz,
    -- The last eight rotations, oldest first: when the generation before was replaced, by what nonce and key, and its digest.
    rotated_at                timestamptz[] NOT NULL DEFAULT '{}',
    rotated_digests           bytea[]     NOT NULL DEFAULT '{}',
    rotation_nonces           bytea[]     NOT NULL DEFAULT '{}',
    rotation_key_ids          text[]      NOT NULL DEFAULT '{}',
    CONSTRAINT grants_pkey PRIMARY KEY (grant_id),
    CONSTRAINT grants_code_id_key UNIQUE (code_id),
    CONSTRAINT grants_code_digest_check CHECK (octet_length(code_digest) = 32),
    CONSTRAINT grants_code_challenge_check CHECK ((code_challenge IS NULL) = (code_challenge_method IS NULL)),
    CONSTRAINT grants_code_challenge_method_check CHECK (code_challenge_method IN ('S256', 'plain')),
    CONSTRAINT grants_end_check CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT grants_end_reason_check
        CHECK (end_reason IN ('code_replayed', 'refresh_reused', 'revoked_by_operator')),
    CONSTRAINT grants_refresh_check CHECK (
        (refresh_generation IS NULL) = (refresh_digest IS NULL)
        AND (refresh_generation IS NULL) = (refresh_idle_expires_at IS NULL)
        AND (refresh_generation IS NULL) = (refresh_expires_at IS NULL)
    ),
    CONSTRAINT grants_rotations_check CHECK (
        cardinality(rotated_at) <= 8
        AND cardinality(rotated_at) = cardinality(rotated_digests)
        AND cardinality(rotated_at) = cardinality(rotation_nonces)
        AND cardinality(rotated_at) = cardinality(rotation_key_ids)
    )
);
CREATE INDEX grants_created_at_idx ON grants (created_at DESC, grant_id);
CREATE INDEX grants_client_id_idx ON grants (client_id, created_at DESC, grant_id);
CREATE INDEX grants_user_id_idx ON grants (user_id, created_at DESC, grant_id);

-- Partitioned by the hour of expiry, which the token itself names; partitions come and go by the hour, so there is no
-- foreign key and no default partition.
CREATE TABLE access_tokens (
    bucket       integer     NOT NULL,
    digest       bytea       NOT NULL,
    grant_id     uuid,
    client_id    text        NOT NULL,
    client_epoch bigint      NOT NULL,
    scopes       text[]      NOT NULL,
    audience     text        NOT NULL,
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT access_tokens_pkey PRIMARY KEY (digest, bucket),
    CONSTRAINT access_tokens_digest_check CHECK (octet_length(digest) = 32),
    CONSTRAINT access_tokens_bucket_check CHECK (bucket = floor(extract(epoch FROM expires_at) / 3600))
) PARTITION BY LIST (bucket);

-- What must be read again -------------------------------------------------------------------------------------------

CREATE TABLE invalidations (
    position   bigint      GENERATED ALWAYS AS IDENTITY,
    kind       text        NOT NULL,
    key        text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT invalidations_pkey PRIMARY KEY (position),
    CONSTRAINT invalidations_kind_check CHECK (kind IN ('token', 'grant', 'client', 'user', 'consent', 'policy'))
);

-- A statement trigger, so that it runs before the first position is drawn: position order is then visibility order, and
-- no writer can forget it.
CREATE FUNCTION invalidations_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7453886201);
    RETURN NULL;
END
$$;
CREATE TRIGGER invalidations_in_order BEFORE INSERT ON invalidations
    FOR EACH STATEMENT EXECUTE FUNCTION invalidations_in_order();

-- Who may touch what ------------------------------------------------------------------------------------------------

GRANT SELECT ON schema_revision TO tallystick_authorize, tallystick_token, tallystick_introspect;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    clients, client_secrets, resources, resource_callers, services, scopes, scope_covers, client_scopes, users
    TO tallystick_authorize;
-- A withdrawn consent keeps its epoch, and a revoked operator the name.
GRANT SELECT, INSERT, UPDATE ON consents, operators TO tallystick_authorize;
GRANT SELECT, INSERT ON invalidations TO tallystick_authorize;

GRANT SELECT (client_id, client_type, token_endpoint_auth_method, grant_types, redirect_uris, application_type,
    access_token_lifetime_seconds, refresh_limit, enabled, epoch) ON clients TO tallystick_token;
GRANT SELECT ON client_secrets, client_scopes, scope_covers, operators TO tallystick_token;
GRANT SELECT (name) ON scopes TO tallystick_token;
GRANT SELECT (user_id, enabled, epoch) ON users TO tallystick_token;
GRANT SELECT (user_id, client_id, epoch) ON consents TO tallystick_token;
GRANT SELECT, INSERT ON grants TO tallystick_token;
GRANT UPDATE (ended_at, end_reason, refresh_generation, refresh_digest, refresh_limit_left, refresh_idle_expires_at,
    refreshed_at, rotated_at, rotated_digests, rotation_nonces, rotation_key_ids) ON grants TO tallystick_token;
GRANT SELECT, INSERT ON access_tokens, invalidations TO tallystick_token;

GRANT SELECT (client_id, token_endpoint_auth_method, grant_types, enabled, epoch) ON clients TO tallystick_introspect;
GRANT SELECT ON client_secrets, client_scopes, resource_callers, access_tokens TO tallystick_introspect;
GRANT SELECT (user_id, username, enabled, epoch) ON users TO tallystick_introspect;
GRANT SELECT (user_id, client_id, epoch) ON consents TO tallystick_introspect;
GRANT SELECT (grant_id, client_id, user_id, scopes, client_epoch, user_epoch, consent_epoch, created_at, ended_at,
    refresh_generation, refresh_digest, refresh_limit_left, refresh_idle_expires_at, refresh_expires_at, refreshed_at)
    ON grants TO tallystick_introspect;

-- Partitions are made in a schema that nobody looks names up in. Whoever may create in `public` can put a function there
-- that others, with more rights, then call in the place of a built-in one.
CREATE SCHEMA partitions AUTHORIZATION tallystick_partitions;
GRANT USAGE ON SCHEMA public TO tallystick_partitions;
-- Only who may create in a schema can be given a table in it.
GRANT CREATE ON SCHEMA public TO tallystick_partitions;
ALTER TABLE access_tokens OWNER TO tallystick_partitions;
REVOKE CREATE ON SCHEMA public FROM tallystick_partitions;
-- Before PostgreSQL 15 everybody might create there, and an upgrade leaves it so.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
    -- A REVOKE by somebody else than the owner of the schema is no more than a warning.
    IF has_schema_privilege('tallystick_partitions', 'public', 'CREATE') THEN
        RAISE EXCEPTION 'tallystick_partitions may create in schema public'
            USING HINT = 'Let the owner of the schema REVOKE CREATE ON SCHEMA public FROM PUBLIC.';
    END IF;
END
$$;
