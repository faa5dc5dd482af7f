"""What a posterior predicts: loss bands, intervals, averages, and the discrepancy of a law."""
