//! Mail is taken apart, looked into, judged and told; and what is not looked at is never passed over.

mod files;
mod judged;
mod life;
mod matrix;
