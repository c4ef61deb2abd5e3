//! The findings by who answers for them: what each owner has to do, those with most first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::lookup::Lookup;
use super::offenders::{broadest_apis, cases, lasting_secrets, worst_apis};
use super::prose::{Cell, Table};

const KINDS: usize = 7;
const TITLES: [&str; KINDS + 3] = [
    "Owner",
    "Replayable APIs#",
    "Broad-scope APIs#",
    "Long-lived secrets#",
    "Unused grants#",
    "Dormant or orphaned#",
    "Open cases#",
    "Expired exceptions#",
    "All#",
    "State",
];

/// One row per owner with a finding; findings without an owner come last, in a row of their own. The table is never cut.
pub fn table(lookup: &Lookup) -> Table {
    let mut counts: BTreeMap<Option<&str>, [i64; KINDS]> = BTreeMap::new();
    for (kind, owner) in findings(lookup) {
        counts.entry(owner).or_default()[kind] += 1;
    }
    let mut rows: Vec<(Option<&str>, [i64; KINDS])> = counts.into_iter().collect();
    rows.sort_by_key(|(owner, counts)| (owner.is_none(), Reverse(counts.iter().sum::<i64>()), *owner));
    let mut table = Table::new(&TITLES, None);
    for (owner, counts) in rows {
        let state = match owner {
            Some(owner) if lookup.has_left(owner) => "has left",
            Some(_) => "",
            None => "to be named",
        };
        table.push_up_to(usize::MAX, || {
            let name = owner.map_or(Cell::Words("none".into()), |owner| Cell::Data(owner.into()));
            let all = counts.iter().sum();
            let counts = counts.into_iter().map(|count| if count == 0 { Cell::Missing } else { Cell::Count(count) });
            [name].into_iter().chain(counts).chain([Cell::Count(all), Cell::Words(state.into())]).collect()
        });
    }
    table
}

/// (column, owner) of every entity that some measure counts against.
fn findings<'a>(lookup: &Lookup<'a>) -> Vec<(usize, Option<&'a str>)> {
    let entities = &lookup.input.entities;
    let of_api = |kind: usize, api: &str| (kind, lookup.api_owner(Some(api)));
    let of_identity = |kind: usize, identity: Option<&str>| (kind, lookup.identity_owner(identity));
    let mut found: Vec<(usize, Option<&'a str>)> = Vec::new();
    found.extend(worst_apis(lookup).into_iter().map(|row| of_api(0, &row.api)));
    found.extend(broadest_apis(lookup).into_iter().map(|row| of_api(1, &row.api)));
    found.extend(lasting_secrets(lookup).into_iter().map(|row| of_identity(2, row.identity.as_deref())));
    found.extend(entities.grants.iter().filter(|row| row.state == "unused").map(|row| of_identity(3, Some(&row.identity))));
    let is_ungoverned = |it: Option<bool>| it == Some(true);
    let identities = entities.identities.iter().filter(|row| row.is_live && row.judged);
    let identities = identities.filter(|row| is_ungoverned(row.is_unowned) || is_ungoverned(row.is_orphaned) || is_ungoverned(row.is_dormant));
    found.extend(identities.map(|row| (4, row.owner.as_deref())));
    found.extend(cases(lookup).filter(|row| row.is_open).map(|row| of_identity(5, row.identity.as_deref())));
    let expired = entities.exceptions.iter().filter(|row| row.state == "expired_in_use");
    found.extend(expired.map(|row| (6, row.owner.as_deref())));
    found
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_finding_is_in_one_row_and_the_ownerless_come_last() {
        let mut input = sample::input();
        for grant in &mut input.entities.grants {
            grant.identity = "nobody-knows".into();
        }
        let lookup = Lookup::new(&input);
        let table = table(&lookup);
        let all = |row: &Vec<Cell>| row[TITLES.len() - 2].sort_number().unwrap_or(0.0) as usize;
        assert_eq!(table.rows.iter().map(all).sum::<usize>(), findings(&lookup).len());
        let last = table.rows.last().expect("a row");
        assert_eq!((&last[0], &last[TITLES.len() - 1]), (&Cell::Words("none".into()), &Cell::Words("to be named".into())));
        let owned: Vec<usize> = table.rows.iter().rev().skip(1).map(all).collect();
        assert!(owned.is_sorted(), "{owned:?}");
    }

    #[test]
    fn an_owner_who_has_left_is_marked() {
        let mut input = sample::input();
        let identity = input.entities.identities.first_mut().expect("an identity");
        (identity.owner, identity.is_orphaned, identity.is_live, identity.judged) = (Some("gone".into()), Some(true), true, true);
        let table = table(&Lookup::new(&input));
        let row = table.rows.iter().find(|row| row[0] == Cell::Data("gone".into())).expect("a row");
        assert_eq!(row[TITLES.len() - 1], Cell::Words("has left".into()));
    }
}
