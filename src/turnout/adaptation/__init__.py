"""What a model lacks, supplied: tools and structured output for models whose wire has no field for them.

`adapt` looks at a request and at the model's facts and returns the request as the model can take it, with a `Rewriter`
that turns the answer back into what was asked for. Nothing here depends on a wire format, and nothing is sent.
"""

from turnout.adaptation.foreign import leave_out_foreign, leave_out_untaken
from turnout.adaptation.plan import Adapted, adapt
from turnout.adaptation.rewriter import Rewriter

__all__ = ["Adapted", "Rewriter", "adapt", "leave_out_foreign", "leave_out_untaken"]
