"""Many services graded by one contract, each by a process of its own: which they are, how each is run, and what is kept of it.

`listed` reads which submissions there are, `process` runs one program until its deadline, `making` runs all of them, `kept` is what lies in
a submission's folder then. It must not know how a grade is judged or shown: a gradebook is made from these folders alone.
"""
