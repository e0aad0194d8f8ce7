//! Principals: the persons and programs that act on a platform, with their roles and keys (R68).

mod key;
mod name;

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::text::is_hidden;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use key::{NotAPublicKey, PrivateKey, PublicKey};
pub use name::is_same_name;

use crate::error::{PolicyError, PolicyFile};
use crate::strict_toml::{self, Table, TableForm};

/// The capacity in which a principal acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Plans and executes; cannot approve.
    Operator,
    /// Approves as a reviewer.
    Reviewer,
    /// Is a member of the FAIR+CARE council; counts as a reviewer too.
    Council,
    /// Speaks for a community about what belongs to it.
    TribalAuthority,
}

impl Role {
    /// All roles, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Reviewer, Self::Council, Self::TribalAuthority];

    /// Returns the word used in files, records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reviewer => "reviewer",
            Self::Council => "council",
            Self::TribalAuthority => "tribal_authority",
        }
    }

    /// Finds the role of a word; `None` if it is not a role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One principal: a `[[principal]]` of `policy/principals.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Principal {
    /// The name under which the principal acts and signs; one principal a name.
    pub name: String,
    /// The roles in which the principal may act.
    pub roles: BTreeSet<Role>,
    /// The key with which its signatures are checked.
    pub public_key: PublicKey,
}

/// All principals of a platform, by their names.
#[derive(Debug, Clone, Default)]
pub struct Principals {
    by_name: BTreeMap<String, Principal>,
}

const PRINCIPAL: TableForm = TableForm { name: "principal", keys: &["name", "roles", "public_key"] };

impl Principals {
    /// Loads `policy/principals.toml`. A file that does not exist (`None`) has no principals, so that no
    /// operation that needs an approval can be executed.
    ///
    /// # Errors
    /// [`PolicyError`]: repair the file; until then nothing is approved. Two principals with [the same
    /// name](is_same_name) or the same key are refused, since two approvals by them would be one person's.
    pub fn load(principals_toml: Option<&str>) -> Result<Self, PolicyError> {
        let mut principals = Self::default();
        let tables =
            strict_toml::read(PolicyFile::Principals, principals_toml.unwrap_or_default(), &[PRINCIPAL])?;
        for table in &tables {
            principals.insert(principal(table)?, table.line)?;
        }
        Ok(principals)
    }

    /// Returns the file's text with a principal added at its end; the rest of the text stays as it is.
    ///
    /// # Errors
    /// As [`Principals::load`]; [`PolicyError::Duplicate`] also if the principal is there already.
    pub fn append(principals_toml: Option<&str>, principal: &Principal) -> Result<String, PolicyError> {
        #[derive(Serialize)]
        struct File<'a> {
            principal: [&'a Principal; 1],
        }
        Self::load(principals_toml)?.insert(principal.clone(), 0)?;
        let block = toml::to_string(&File { principal: [principal] })
            .expect("a name, roles and a key can be written as TOML");
        let text = principals_toml.unwrap_or_default();
        let gap = if text.is_empty() || text.ends_with("\n\n") {
            ""
        } else if text.ends_with('\n') {
            "\n"
        } else {
            "\n\n"
        };
        let whole = format!("{text}{gap}{block}");
        // The new text must be readable: a text that ends inside an open table would not be.
        Self::load(Some(&whole))?;
        Ok(whole)
    }

    fn insert(&mut self, principal: Principal, line: usize) -> Result<(), PolicyError> {
        let duplicate = |what| PolicyError::Duplicate {
            file: PolicyFile::Principals,
            line,
            what,
            name: principal.name.clone(),
        };
        if self.by_name.keys().any(|name| is_same_name(name, &principal.name)) {
            return Err(duplicate("name"));
        }
        if self.iter().any(|other| other.public_key == principal.public_key) {
            return Err(duplicate("key"));
        }
        self.by_name.insert(principal.name.clone(), principal);
        Ok(())
    }

    /// Returns the principal with a name; `None` if there is none.
    pub fn get(&self, name: &str) -> Option<&Principal> {
        self.by_name.get(name)
    }

    /// Lists the principals, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Principal> {
        self.by_name.values()
    }

    /// Counts the principals that have a role.
    pub fn holding(&self, role: Role) -> usize {
        self.iter().filter(|principal| principal.roles.contains(&role)).count()
    }
}

fn principal(table: &Table<'_>) -> Result<Principal, PolicyError> {
    let name = table.required_text("name")?;
    if name.trim() != name || name.contains(is_hidden) {
        return Err(table.invalid("name", "a name without blanks around it, of characters that can be seen"));
    }
    let words = || Role::ALL.map(Role::as_str).join(", ");
    let role =
        |text| Role::parse(text).ok_or_else(|| table.invalid("roles", format!("a list of {}", words())));
    let key = table.required_text("public_key")?.parse();
    Ok(Principal {
        name: name.to_owned(),
        roles: table.required_texts("roles")?.into_iter().map(role).collect::<Result<_, _>>()?,
        public_key: key.map_err(|_| table.invalid("public_key", "an Ed25519 key of 64 hex digits"))?,
    })
}

#[cfg(test)]
mod tests;
