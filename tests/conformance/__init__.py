"""What every implementation of a contract has to do, written once and run for each of them."""
