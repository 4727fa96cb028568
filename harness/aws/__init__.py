"""What a run on AWS itself needs beside what every run needs: somebody else's money, clock and stage are at stake.

Which stages are not to be touched, what a run costs, how far the clocks are apart, what is wrong with the user's
credentials, and what a run leaves behind and takes away again.
"""
