"""What tables stand on: extensions and the functions of generated columns."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.RunSQL("""CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public"""),
        ops.RunSQL("""CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public"""),
        ops.RunSQL(
            r"""CREATE FUNCTION fold_search(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(
        lower(public.unaccent('public.unaccent'::regdictionary,
            lower(normalize(value, NFC) COLLATE "pg_c_utf8")) COLLATE "pg_c_utf8"),
        '\s+' COLLATE "pg_c_utf8", ' ', 'g'))"""
        ),
        ops.RunSQL(
            """CREATE FUNCTION fold_sort(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN fold_search(translate(
        lower(normalize(value, NFC) COLLATE "pg_c_utf8"), 'åäæöø', '{||}}'))"""
        ),
    ]
