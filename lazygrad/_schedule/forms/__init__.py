"""The forms a schedule can take, one file each.

Straight NumPy source, Python numbers, batches of like rows, a prebound loop; with the buffers, statements and order
they share. It may import the rest of the schedules.
"""
