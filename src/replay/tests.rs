//! Every sequence of inputs, with the types of the product; and the product beside the reference model.

mod agreement;
mod exhaustion;
mod model;
