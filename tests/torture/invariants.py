"""What must be true after purges and exports, whatever died: a sentence, and a SELECT of whatever breaks it."""

from tests.torture.invariants_patrons import OF_PATRONS, STATISTICS_ADDED, Invariant

OF_JOBS = (
    Invariant(
        "jobs_final",
        "Every job has ended, and none failed: nobody was poisoned here.",
        """
        SELECT id, kind, state, error FROM job
        WHERE state NOT IN ('SUCCEEDED', 'COMPLETED_WITH_ISSUES', 'CANCELLED') OR finished_at IS NULL
        """,
    ),
    Invariant(
        "jobs_asked",
        "There is one purge for each that was asked for, about as many patrons as was answered.",
        """
        SELECT job_id, asked, found FROM witness.job
        FULL JOIN (SELECT job.id AS job_id, count(item.id) AS found
                   FROM job LEFT JOIN job_item item ON item.job_id = job.id
                   WHERE kind = 'PURGE' GROUP BY job.id) AS made USING (job_id)
        WHERE asked IS DISTINCT FROM found
        """,
    ),
    Invariant(
        "items_settled",
        "Every item of a job that has ended is settled, and was settled exactly once.",
        """
        SELECT item.id, item.state, attempts FROM job_item item JOIN job ON job.id = item.job_id
        WHERE item.state NOT IN ('DONE', 'SKIPPED', 'CANCELLED') OR item.finished_at IS NULL
           OR attempts <> CASE WHEN item.state = 'CANCELLED' THEN 0 ELSE 1 END
           OR item.state = 'CANCELLED' AND job.state <> 'CANCELLED'
        """,
    ),
    Invariant(
        "issues_told",
        "A purge that skipped somebody says so by its state, and one that did not has succeeded.",
        """
        SELECT job.id, job.state FROM job
        WHERE kind = 'PURGE' AND state <> 'CANCELLED' AND (state = 'COMPLETED_WITH_ISSUES') <>
              EXISTS (SELECT FROM job_item item WHERE item.job_id = job.id AND item.state IN ('SKIPPED', 'FAILED'))
        """,
    ),
    Invariant(
        "done_is_certified",
        "Whom a job says it erased has this job's tombstone, and each of its tombstones is of such a patron.",
        """
        SELECT coalesce(item.patron_id, stone.patron_id) AS patron_id, item.job_id, stone.job_id AS by
        FROM (SELECT * FROM job_item WHERE state = 'DONE' AND codes = '{}') AS item
        FULL JOIN tombstone stone ON (stone.patron_id, stone.job_id) = (item.patron_id, item.job_id)
        WHERE item.id IS NULL AND stone.job_id IS NOT NULL OR stone.id IS NULL
        """,
    ),
    Invariant(
        "already_gone",
        "Whom a job found gone was erased by another job.",
        """
        SELECT item.job_id, item.patron_id FROM job_item item
        WHERE state = 'DONE' AND codes <> '{}'
          AND (codes <> '{ALREADY_GONE}' OR NOT EXISTS (SELECT FROM tombstone stone
               WHERE stone.patron_id = item.patron_id AND stone.job_id IS DISTINCT FROM item.job_id))
        """,
    ),
    Invariant(
        "skipped_is_there",
        "Whom a job skipped is there, unless another purge took them later.",
        """
        SELECT item.job_id, item.patron_id FROM job_item item JOIN tombstone USING (patron_id, job_id)
        WHERE item.state IN ('SKIPPED', 'CANCELLED')
        """,
    ),
    Invariant(
        "reasons_were_true",
        "Each reason for which somebody was skipped was true at some time.",
        """
        SELECT item.job_id, item.patron_id, code
        FROM job_item item CROSS JOIN LATERAL unnest(CASE codes WHEN '{}' THEN '{(none)}' ELSE codes END) AS code
        WHERE item.state = 'SKIPPED' AND NOT coalesce(CASE code
            WHEN 'OPEN_LOANS' THEN
                EXISTS (SELECT FROM witness.copy_loan WHERE patron_id = item.patron_id AND returned_at IS NULL)
            WHEN 'OPEN_RESERVATIONS' THEN
                EXISTS (SELECT FROM witness.copy_reservation WHERE patron_id = item.patron_id AND state = 'OPEN')
            WHEN 'DEBTS' THEN
                EXISTS (SELECT FROM witness.copy_ledger_entry WHERE patron_id = item.patron_id AND outstanding > 1)
            WHEN 'CREDIT_BALANCE' THEN
                EXISTS (SELECT FROM witness.copy_ledger_entry WHERE patron_id = item.patron_id AND outstanding < 0)
            WHEN 'PROTECTED' THEN EXISTS (SELECT FROM witness.copy_patron WHERE id = item.patron_id AND protected)
            WHEN 'NOT_INACTIVE' THEN
                EXISTS (SELECT FROM witness.copy_patron WHERE id = item.patron_id AND status = 'ACTIVE')
            WHEN 'EXPORT_IN_PROGRESS' THEN EXISTS (SELECT FROM job WHERE kind = 'EXPORT_PATRONS')
        END, false) AND NOT EXISTS (
            SELECT FROM witness.act JOIN (VALUES
                ('LEND', 'OPEN_LOANS'), ('RESERVE', 'OPEN_RESERVATIONS'), ('CHARGE', 'DEBTS'), ('PROTECT', 'PROTECTED'),
                ('ACTIVATE', 'NOT_INACTIVE'), ('EXPORT', 'EXPORT_IN_PROGRESS')) AS causes(verb, reason) USING (verb)
            WHERE act.patron_id = item.patron_id AND causes.reason = code)
        """,
    ),
    Invariant(
        "audit_chunks",
        "The audit's chunks of a purge add up to its tombstones, its skipped and its already gone.",
        """
        SELECT job.id, said.*, counted.* FROM job
        CROSS JOIN LATERAL (
            SELECT coalesce(sum((detail ->> 'patrons')::int), 0) AS erased,
                   coalesce(sum((detail ->> 'skipped')::int), 0) AS skipped,
                   coalesce(sum((detail ->> 'already_gone')::int), 0) AS gone
            FROM audit_event WHERE audit_event.job_id = job.id AND action = 'purge.chunk') AS said
        CROSS JOIN LATERAL (
            SELECT (SELECT count(*) FROM tombstone WHERE tombstone.job_id = job.id) AS erased,
                   count(*) FILTER (WHERE state = 'SKIPPED') AS skipped,
                   count(*) FILTER (WHERE codes = '{ALREADY_GONE}') AS gone
            FROM job_item WHERE job_item.job_id = job.id) AS counted
        WHERE kind = 'PURGE'
          AND (said.erased, said.skipped, said.gone) <> (counted.erased, counted.skipped, counted.gone)
        """,
    ),
    Invariant(
        "certificates",
        "A job's certificate adds up to its tombstones, its times are theirs, and its statistics are the audit's.",
        """
        SELECT job_id, sums.*, counted.* FROM job_erasure sums
        FULL JOIN (SELECT job_id, library_id, count(*)::int AS patrons, min(erased_at) AS first, max(erased_at) AS last
                   FROM tombstone WHERE job_id IS NOT NULL GROUP BY job_id, library_id) AS counted USING (job_id)
        LEFT JOIN (SELECT job_id, sum((detail ->> 'statistics')::int) AS statistics
                   FROM audit_event WHERE action = 'purge.chunk' GROUP BY job_id) AS said USING (job_id)
        WHERE (sums.library_id, sums.patrons, sums.first_erased_at, sums.last_erased_at, sums.statistics)
              IS DISTINCT FROM (counted.library_id, counted.patrons, counted.first, counted.last, said.statistics)
        """,
    ),
    Invariant(
        "certificate_rows",
        "A job's certificate says of each table how many rows its tombstones say together.",
        """
        SELECT job_id, name, sums.n AS said, counted.n AS found
        FROM (SELECT job_id, key AS name, value::bigint AS n
              FROM job_erasure CROSS JOIN LATERAL jsonb_each_text(rows) WHERE value <> '0') AS sums
        FULL JOIN (SELECT job_id, key AS name, sum(value::bigint) AS n
                   FROM tombstone CROSS JOIN LATERAL jsonb_each_text(rows)
                   WHERE job_id IS NOT NULL AND value <> '0' GROUP BY job_id, key) AS counted USING (job_id, name)
        WHERE sums.n IS DISTINCT FROM counted.n
        """,
    ),
    Invariant(
        "audit_statistics",
        "The audit tells as many statistics as there are.",
        f"""
        SELECT * FROM (
            SELECT (SELECT count(*) FROM ({STATISTICS_ADDED}) AS added) AS found,
                   (SELECT coalesce(sum((detail ->> 'statistics')::int), 0) FROM audit_event
                    WHERE action IN ('purge.chunk', 'patron.delete')) AS said) AS both_sides
        WHERE found <> said
        """,
    ),
    Invariant(
        "audit_ends",
        "A job that has ended has one audit event that says so, and a purge one that says it began.",
        """
        SELECT job.id, job.state, count(*) FILTER (WHERE action = 'job.finish') AS finished,
               count(*) FILTER (WHERE action = 'job.cancel') AS cancelled,
               count(*) FILTER (WHERE action = 'purge.start') AS started
        FROM job LEFT JOIN audit_event event ON event.job_id = job.id
        GROUP BY job.id
        HAVING count(*) FILTER (WHERE action = 'job.finish') <> (CASE WHEN job.state = 'CANCELLED' THEN 0 ELSE 1 END)
            OR count(*) FILTER (WHERE action = 'job.cancel') <> (CASE WHEN job.state = 'CANCELLED' THEN 1 ELSE 0 END)
            OR count(*) FILTER (WHERE action = 'purge.start') <> (CASE WHEN job.kind = 'PURGE' THEN 1 ELSE 0 END)
        """,
    ),
    Invariant(
        "exports_ended",
        "An export whose job has ended is READY, EXPIRED, FAILED or CANCELLED, and one whose job succeeded was made.",
        """
        SELECT e.id, e.state, job.state AS job FROM data_export e JOIN job ON job.id = e.job_id
        WHERE e.state IN ('REQUESTED', 'RUNNING') OR (job.state = 'SUCCEEDED') <> (e.state IN ('READY', 'EXPIRED'))
        """,
    ),
    Invariant(
        "export_keys",
        "An export that is READY has a file's name and a sealed key; any other has neither.",
        """
        SELECT id, state, path, key_id FROM data_export
        WHERE (state = 'READY') <> (path IS NOT NULL) OR (state = 'READY') <> (key_id IS NOT NULL)
           OR (state = 'READY') <> (sealed_key IS NOT NULL)
        """,
    ),
    Invariant(
        "leases_let_go",
        "No job that has ended is held by a worker.",
        "SELECT id, lease_owner, lease_until FROM job WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL",
    ),
)

INVARIANTS = OF_PATRONS + OF_JOBS
