"""The schema of the shared database: one migration history for all three services, and who may touch what.

`migrate` brings a database to the newest revision, safely when several start at once; `revision` lets a service refuse
a schema that is older than it needs. The SQL is plain and lies in `versions/`.
"""
