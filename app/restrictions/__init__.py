"""Restrictions: nobody's money stops silently."""
