"""What belongs together, computed again from the transfers: groups, transit, reversals, exchanges, suspense.

As in app/verify/books.py every check is a query that selects what is wrong.
"""

# Digits of the smallest unit where they are not two (ISO 4217).
_DIGITS = """
    CASE WHEN {0} IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF',
                      'XOF', 'XPF') THEN 0
         WHEN {0} IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3 ELSE 2 END
"""

_EXCHANGES = f"""
WITH told AS (
    SELECT aggregate, (body->>'group')::uuid AS linked, body->>'given_currency' AS given_in,
           body->>'got_currency' AS got_in, (body->>'given_minor')::numeric AS given,
           (body->>'got_minor')::numeric AS got, (body->>'remainder_minor')::numeric AS remainder,
           (body->>'rate')::numeric AS rate, body->>'base' AS base, body->>'quote' AS quote
    FROM wallet.event WHERE kind = 'wallet.exchanged'
), worth AS (
    SELECT *, CASE WHEN base = got_in THEN got * rate ELSE got / rate END
              * 10::numeric ^ ({_DIGITS.format("given_in")} - {_DIGITS.format("got_in")}) AS cost
    FROM told
), leg AS (
    SELECT coalesce(linked, transfer.id) AS linked, amount, transfer.currency,
           payer.purpose = 'fx_position' AS gives, payer.purpose = 'rounding' AS owes,
           payee.purpose = 'fx_position' AS takes, payee.purpose = 'rounding' AS keeps,
           payer.holder IS NOT NULL AS from_resident, payee.holder IS NOT NULL AS to_resident
    FROM wallet.transfer
    JOIN wallet.account AS payer ON payer.lane = transfer.lane AND payer.id = transfer.debit
    JOIN wallet.account AS payee ON payee.lane = transfer.lane AND payee.id = transfer.credit
    WHERE kind IN ('post', 'capture', 'reversal')
      AND (linked IS NOT NULL OR 'fx_position' IN (payer.purpose, payee.purpose))
), moved AS (
    SELECT linked,
           sum(amount) FILTER (WHERE from_resident AND takes) AS given,
           min(currency) FILTER (WHERE from_resident AND takes) AS given_in,
           sum(amount) FILTER (WHERE gives AND to_resident) AS got,
           min(currency) FILTER (WHERE gives AND to_resident) AS got_in,
           coalesce(sum(CASE WHEN keeps THEN amount WHEN owes THEN -amount END), 0) AS remainder
    FROM leg GROUP BY linked HAVING bool_or(gives OR takes)
)
SELECT linked AS place, CASE WHEN worth.rate IS NULL THEN 'missing' ELSE 'flipped' END AS kind,
       CASE WHEN worth.rate IS NULL THEN 'does not tell of the exchange these transfers made'
            WHEN abs(worth.given - worth.remainder - worth.cost) > 0.5001 THEN 'has another remainder than its rate'
            ELSE 'is not the exchange its transfers made' END AS what
FROM worth FULL JOIN moved USING (linked)
WHERE (worth.given, worth.given_in, worth.got, worth.got_in, worth.remainder)
      IS DISTINCT FROM (moved.given, moved.given_in, moved.got, moved.got_in, moved.remainder)
   OR abs(worth.given - worth.remainder - worth.cost) > 0.5001
   OR ARRAY[worth.base, worth.quote] NOT IN (ARRAY[worth.given_in, worth.got_in], ARRAY[worth.got_in, worth.given_in])
ORDER BY 1
"""  # noqa: S608  made of literals

# What cards lent and officers set aside there has words of its own.
_SUSPENSE = """
WITH booked AS (
    SELECT account.lane, account.currency,
           sum(CASE WHEN transfer.credit = account.id THEN transfer.amount ELSE -transfer.amount END) AS minor
    FROM wallet.account
    JOIN wallet.transfer ON transfer.lane = account.lane AND account.id IN (transfer.debit, transfer.credit)
    WHERE account.purpose = 'suspense' AND transfer.kind IN ('post', 'capture', 'reversal')
      AND transfer.code <> 'adjustment' AND transfer.reference NOT LIKE 'card_payment:%'
    GROUP BY account.lane, account.currency
), waiting AS (
    SELECT lane, currency, sum(amount_minor) AS minor
    FROM app.incoming WHERE stage IN ('suspended', 'returning') GROUP BY lane, currency
)
SELECT lane || '/' || currency AS place, 'flipped' AS kind,
       'has ' || coalesce(booked.minor, 0) || ' in suspense, where ' || coalesce(waiting.minor, 0) || ' waits' AS what
FROM booked FULL JOIN waiting USING (lane, currency)
WHERE coalesce(booked.minor, 0) <> coalesce(waiting.minor, 0) ORDER BY 1
"""

# table → what is wrong with it
CHECKS = (
    ("app.incoming", _SUSPENSE),
    (
        "wallet.linked",
        """
        SELECT coalesce(linked.lane, made.lane) || '/' || coalesce(linked.id, made.linked) AS place,
               CASE WHEN linked.id IS NULL THEN 'missing' ELSE 'flipped' END AS kind,
               'is not the group of its transfers' AS what
        FROM wallet.linked FULL JOIN (
            SELECT lane, linked, count(*) AS transfers, min(at) AS at, max(at) AS until
            FROM wallet.transfer WHERE linked IS NOT NULL GROUP BY lane, linked
        ) AS made ON made.lane = linked.lane AND made.linked = linked.id
        WHERE (linked.transfers, linked.at, linked.at) IS DISTINCT FROM (made.transfers, made.at, made.until)
        ORDER BY 1
    """,
    ),
    (
        "wallet.linked",
        """
        SELECT id AS place, 'missing' AS kind, 'has other transfers than belong together' AS what
        FROM wallet.linked GROUP BY id HAVING min(total) <> max(total) OR sum(transfers) <> min(total) ORDER BY 1
    """,
    ),
    (
        "wallet.transfer",
        """
        SELECT coalesce(transfer.linked::text, min(transfer.lane || '/' || transfer.seq)) AS place, 'flipped' AS kind,
               CASE WHEN transfer.linked IS NULL THEN 'is in transit outside of a group'
                    ELSE 'leaves money in transit' END AS what
        FROM wallet.transfer
        CROSS JOIN LATERAL (VALUES (debit, -amount), (credit, amount)) AS leg (account, moved)
        JOIN wallet.account ON account.lane = transfer.lane AND account.id = leg.account
        WHERE account.purpose = 'transit'
        GROUP BY transfer.linked, transfer.currency HAVING transfer.linked IS NULL OR sum(leg.moved) <> 0
        ORDER BY 1
    """,
    ),
    (
        "wallet.account",
        """
        SELECT outward.id AS place, 'flipped' AS kind, 'and what came in from there do not add up to zero' AS what
        FROM wallet.account AS outward LEFT JOIN wallet.account AS inward
             ON inward.purpose = 'transit' AND inward.currency = outward.currency
             AND inward.lane::text = outward.label AND inward.label = outward.lane::text
        WHERE outward.purpose = 'transit' AND outward.posted + coalesce(inward.posted, 0) <> 0
        ORDER BY 1
    """,
    ),
    (
        "wallet.transfer",
        """
        SELECT back.lane || '/' || min(back.seq) AS place, 'flipped' AS kind,
               CASE WHEN moved.amount < sum(back.amount) THEN 'moves back more than was moved'
                    ELSE 'moves back what was not moved' END AS what
        FROM wallet.transfer AS back
        LEFT JOIN wallet.transfer AS moved ON moved.lane = back.lane AND moved.id = back.of
             AND moved.kind IN ('post', 'capture') AND moved.currency = back.currency
             AND moved.debit = back.credit AND moved.credit = back.debit
        WHERE back.kind = 'reversal'
        GROUP BY back.lane, back.of, moved.amount HAVING coalesce(moved.amount < sum(back.amount), true)
        ORDER BY 1
    """,
    ),
    (
        "wallet.transfer",
        """
        SELECT freed.lane || '/' || freed.seq AS place, 'flipped' AS kind, 'frees what was not held' AS what
        FROM wallet.transfer AS freed
        LEFT JOIN wallet.transfer AS made ON made.lane = freed.lane AND made.id = freed.of AND made.kind = 'hold'
             AND (made.debit, made.credit, made.currency) = (freed.debit, freed.credit, freed.currency)
        WHERE freed.kind IN ('capture', 'void', 'expire')
          AND (made.id IS NULL OR freed.kind <> 'capture' AND freed.amount <> -freed.held)
        ORDER BY 1
    """,
    ),
    ("wallet.event", _EXCHANGES),
)
