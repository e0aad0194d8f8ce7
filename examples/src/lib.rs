//! Examples of the KFM operations toolkit; see the files beside this one.
