-- One role per service, and one that owns the partitioned tables. Roles belong to the whole cluster, so sibling databases
-- may create them at the same moment; where CREATEROLE is missing an administrator creates them beforehand, and grants
-- tallystick_partitions to whoever migrates.
DO $$
DECLARE
    wanted text;
    -- Since PostgreSQL 16 whoever creates a role is a member of it without the right to act as it.
    acting text := CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['tallystick_authorize', 'tallystick_token', 'tallystick_introspect', 'tallystick_partitions']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    -- Only who may act as a role can give it a table.
    IF NOT pg_has_role(current_user, 'tallystick_partitions', acting) THEN
        BEGIN
            GRANT tallystick_partitions TO CURRENT_USER;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
END
$$;
