"""`report.html`: a training on one page that needs neither network nor script."""

from lamina.runs.report.page import write_report

__all__ = ["write_report"]
