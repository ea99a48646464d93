-- What a migration looks like before a column gets another name: both are there, and each follows the other, so that the
-- version before and the next one write side by side.
SET LOCAL lock_timeout = '2s';
ALTER TABLE grants ADD COLUMN refresh_token_digest bytea;
CREATE FUNCTION grants_refresh_digest_has_two_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.refresh_token_digest := coalesce(NEW.refresh_token_digest, NEW.refresh_digest);
        NEW.refresh_digest := NEW.refresh_token_digest;
    ELSIF NEW.refresh_token_digest IS DISTINCT FROM OLD.refresh_token_digest THEN
        NEW.refresh_digest := NEW.refresh_token_digest;
    ELSE
        NEW.refresh_token_digest := NEW.refresh_digest;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER grants_refresh_digest_has_two_names BEFORE INSERT OR UPDATE ON grants
    FOR EACH ROW EXECUTE FUNCTION grants_refresh_digest_has_two_names();
UPDATE grants SET refresh_token_digest = refresh_digest WHERE refresh_digest IS NOT NULL;
GRANT UPDATE (refresh_token_digest) ON grants TO tallystick_token;
GRANT SELECT (refresh_token_digest) ON grants TO tallystick_introspect;
