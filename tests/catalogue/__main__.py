"""`python -m tests.catalogue`: write docs/reference/catalogue.md anew."""

from tests.catalogue.page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
print(PAGE)
