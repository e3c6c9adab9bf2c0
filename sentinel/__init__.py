"""The sentinel: the process beside the loop that approves, vetoes, halts and kills."""
