-- One role per service, and one that owns the partitioned tables. Roles belong to the whole cluster, so sibling databases
-- may create them at the same moment; where CREATEROLE is missing an administrator creates them beforehand.
DO $$
DECLARE
    wanted text;
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
    -- Only a member may give a table away.
    IF NOT pg_has_role(current_user, 'tallystick_partitions', 'MEMBER') THEN
        GRANT tallystick_partitions TO CURRENT_USER;
    END IF;
END
$$;
