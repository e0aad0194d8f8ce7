//! [`Said`]: what the engine answers, with its remedies as command lines.
//!
//! The reports of the engine hold remedies as data. A [`Said`] report serialises as the report does, and each [`Remedy`]
//! and [`Advice`] in it, however deep, as the text that [`say`](crate::say) makes of it. They are known by their types,
//! not by keys or values of the JSON: a document that looks like a remedy stays what it is.

use kfm_policy::{Advice, Remedy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Map, Value};

use crate::say;

/// Turns a command line into one that can be run where this command was called.
pub(crate) type Complete<'a> = &'a dyn Fn(String) -> String;

/// A value that serialises with its remedies as command lines.
pub(crate) struct Said<'a, T: ?Sized> {
    value: &'a T,
    complete: Complete<'a>,
}

impl<'a, T: ?Sized> Said<'a, T> {
    /// Says a value; `complete` has the last word on each command line that stands by itself.
    pub(crate) fn new(value: &'a T, complete: Complete<'a>) -> Self {
        Self { value, complete }
    }
}

impl<T: Serialize + ?Sized> Serialize for Said<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Saying { inner: serializer, complete: self.complete })
    }
}

/// A serializer, or a part of one, that gets what is said.
struct Saying<'a, S> {
    inner: S,
    complete: Complete<'a>,
}

impl<'a, S> Saying<'a, S> {
    fn say<'v, T: ?Sized>(&self, value: &'v T) -> Said<'v, T>
    where
        'a: 'v,
    {
        Said::new(value, self.complete)
    }
}

/// A struct while its fields come: one that is passed on, or a remedy that is gathered first.
enum Struct<'a, S: Serializer> {
    Other(Saying<'a, S::SerializeStruct>),
    Remedy(Saying<'a, S>, Map<String, Value>),
}

/// Returns the data of a value as the type that it is of.
fn data<T: DeserializeOwned, E: Error>(value: &(impl Serialize + ?Sized)) -> Result<T, E> {
    serde_json::to_value(value).and_then(serde_json::from_value).map_err(E::custom)
}

macro_rules! passed_on {
    ($($method:ident($($name:ident: $type:ty),*);)+) => {
        $(fn $method(self, $($name: $type),*) -> Result<Self::Ok, Self::Error> { self.inner.$method($($name),*) })+
    };
}

impl<'a, S: Serializer> Serializer for Saying<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Saying<'a, S::SerializeSeq>;
    type SerializeTuple = Saying<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Saying<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Saying<'a, S::SerializeTupleVariant>;
    type SerializeMap = Saying<'a, S::SerializeMap>;
    type SerializeStruct = Struct<'a, S>;
    type SerializeStructVariant = Saying<'a, S::SerializeStructVariant>;

    passed_on! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_f32(v: f32);
        serialize_f64(v: f64);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let said = self.say(value);
        self.inner.serialize_some(&said)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        if name == Advice::NAME {
            return self.inner.serialize_str(&say::sentence(&data(value)?));
        }
        let said = self.say(value);
        self.inner.serialize_newtype_struct(name, &said)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let said = self.say(value);
        self.inner.serialize_newtype_variant(name, index, variant, &said)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Saying { inner: self.inner.serialize_seq(len)?, complete: self.complete })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Saying { inner: self.inner.serialize_tuple(len)?, complete: self.complete })
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Saying { inner: self.inner.serialize_tuple_struct(name, len)?, complete: self.complete })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Saying { inner, complete: self.complete })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Saying { inner: self.inner.serialize_map(len)?, complete: self.complete })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        if name == Remedy::NAME {
            return Ok(Struct::Remedy(self, Map::new()));
        }
        let inner = self.inner.serialize_struct(name, len)?;
        Ok(Struct::Other(Saying { inner, complete: self.complete }))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, len)?;
        Ok(Saying { inner, complete: self.complete })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<S: Serializer> SerializeStruct for Struct<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        match self {
            Self::Other(other) => {
                let said = Said::new(value, other.complete);
                other.inner.serialize_field(key, &said)
            }
            Self::Remedy(_, fields) => {
                fields.insert(key.to_owned(), data(value)?);
                Ok(())
            }
        }
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
        match self {
            Self::Other(other) => other.inner.skip_field(key),
            Self::Remedy(..) => Ok(()),
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Self::Other(other) => other.inner.end(),
            Self::Remedy(Saying { inner, complete }, fields) => {
                let line = say::command_line(&data(&fields)?);
                inner.serialize_str(&complete(line))
            }
        }
    }
}

/// Passes the elements of a list on, each said.
macro_rules! elements {
    ($($compound:ident $method:ident;)+) => {$(
        impl<S: $compound> $compound for Saying<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let said = Said::new(value, self.complete);
                self.inner.$method(&said)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )+};
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

impl<S: SerializeMap> SerializeMap for Saying<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let said = Said::new(value, self.complete);
        self.inner.serialize_value(&said)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

impl<S: SerializeStructVariant> SerializeStructVariant for Saying<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        let said = Said::new(value, self.complete);
        self.inner.serialize_field(key, &said)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use kfm_policy::advice;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Report {
        next: Vec<Remedy>,
        all: Option<Remedy>,
        owed: Advice,
        #[serde(flatten)]
        below: Below,
        change: Value,
    }

    #[derive(Serialize)]
    struct Below {
        groups: Vec<(u8, Advice)>,
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<Remedy>,
    }

    fn report() -> Report {
        Report {
            next: vec![Remedy::ShowStatus, Remedy::Examine { digests: true }],
            all: Some(Remedy::ListLabels),
            owed: advice!["look at it: ", Remedy::CheckCatalog],
            below: Below { groups: vec![(1, Advice::from("mend it"))], none: None },
            change: json!({ "next": [{ "remedy": "show_status" }] }),
        }
    }

    #[test]
    fn each_remedy_of_a_report_is_a_command_and_what_only_looks_like_one_is_not() {
        let complete = |line: String| format!("{line} --here");
        assert_eq!(
            serde_json::to_value(Said::new(&report(), &complete)).unwrap(),
            json!({
                "next": ["kfm status --here", "kfm doctor --digests --here"],
                "all": "kfm labels list --here",
                "owed": "look at it: kfm catalog check",
                "groups": [[1, "mend it"]],
                "change": { "next": [{ "remedy": "show_status" }] },
            })
        );
    }

    #[test]
    fn what_has_no_remedies_serialises_as_it_does_without() {
        #[derive(Serialize)]
        enum Kind {
            Unit,
            New(i8),
            Tuple(u128, char),
            Struct { bytes: Vec<u8>, float: f32 },
        }
        #[derive(Serialize)]
        struct Pair(Kind, Kind);
        let value = (
            (Pair(Kind::Unit, Kind::New(-1)), ()),
            [Some(Kind::Tuple(7, 'x')), None],
            Kind::Struct { bytes: vec![1], float: 0.5 },
            json!({ "a": [null, true, 1.5, "b"] }),
        );
        let plain = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::to_string(&Said::new(&value, &|line| line)).unwrap(), plain);
    }
}
