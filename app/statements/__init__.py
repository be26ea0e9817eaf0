"""Statements on paper and for machines, and the worker's steps that close days and write what is long."""
