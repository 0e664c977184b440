"""The whole of Forecourt on one machine: stack, simulators, sign-in, commands; never deployed."""
