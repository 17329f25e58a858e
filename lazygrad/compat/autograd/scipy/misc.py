"""Where older scripts look for `logsumexp`."""

from ....scipy.special import logsumexp as logsumexp
