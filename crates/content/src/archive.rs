//! Containers of files, a reader each behind the budget.

pub(crate) mod foreign;
#[cfg(feature = "ole")]
pub(crate) mod ole;
pub(crate) mod outlook;
#[cfg(feature = "7z")]
pub(crate) mod sevenz;
pub(crate) mod stream;
pub(crate) mod tar;
pub(crate) mod zip;
