"""`lazygrad.compile`: a question that is asked again and again, as one checked call.

This room reads a question once, has it scheduled, and guards what the schedule relies on.
It may import the schedules, the questions and the function transforms.
"""
