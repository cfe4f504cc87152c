//! Records to a report: reads inputs in blocks, folds them into a summary, finds incidents, explains them.

pub mod report;
