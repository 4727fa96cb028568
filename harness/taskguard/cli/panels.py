"""Below which headings a command's help lists its options."""

RUN = "What is run"
PLACE = "Where it runs"
SHOWN = "What is shown and kept"
