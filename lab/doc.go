// Package lab is the second Host of the kernel: the very actors of production, scheduled step by step, every
// schedule up to the order of independent steps.
package lab
