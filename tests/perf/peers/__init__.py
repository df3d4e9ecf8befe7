"""The engines that the comparison runs, each behind one small port."""
