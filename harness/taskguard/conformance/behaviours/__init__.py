"""The behaviours themselves, a file for each topic. Importing a file registers those in it."""
