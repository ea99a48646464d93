-- And after the last replica of the version before has ended: the old name goes.
SET LOCAL lock_timeout = '2s';
DROP TRIGGER grants_refresh_digest_has_two_names ON grants;
DROP FUNCTION grants_refresh_digest_has_two_names;
ALTER TABLE grants DROP COLUMN refresh_digest;
ALTER TABLE grants ADD CONSTRAINT grants_refresh_token_check
    CHECK ((refresh_generation IS NULL) = (refresh_token_digest IS NULL)) NOT VALID;
