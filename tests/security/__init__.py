"""Proofs of the walls: each harness walks the whole contract, and is itself run against a planted defect."""
