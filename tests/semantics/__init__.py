"""Tests of the RFC 9110 values: pure functions and values, no I/O, no trio."""
