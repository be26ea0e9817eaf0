"""The credential as a mobile document (ISO/IEC 18013-5): issued, presented over any transport, verified."""
