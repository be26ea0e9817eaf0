"""What the law fixes for this room beyond the house's thresholds; corrections are new rows, never edits."""

from datetime import date

from law.seed import FIRST_DAY
from law.threshold import Rule, Thresholds, Unit

RULES = Thresholds(
    (
        Rule(
            name="eresidency.age_years_min",
            value=18,
            unit=Unit.YEARS,
            source="Civil Code, art. 17: full legal capacity begins at 18",
            in_force_on=FIRST_DAY,
            clause="D3.2-d",
            note="the decree names no age; a minor would need a representative, for whom no rule exists yet",
        ),
        Rule(
            name="case.complaint_months_max",
            value=3,
            unit=Unit.MONTHS,
            source="Administrative Procedural Code, art. 92: three months from learning of the act",
            in_force_on=date(2021, 7, 1),
        ),
    )
)
