"""What no schema can say, for schemathesis: an opaque text of ours is not to be invented.

Cursors come from the page before and are refused when made up (tests/app/test_paging.py).
"""

from typing import Any

import schemathesis

_OPAQUE = {"cursor", "after"}


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:  # noqa: ANN401, ARG001  the shape schemathesis asks for
    """Leave made-up cursors out."""
    return {name: value for name, value in query.items() if name not in _OPAQUE} if isinstance(query, dict) else query
