//! Framework references: an id that a metric names exists, under its exact title, in the framework's own list.

use credlens::metric::catalog::Catalog;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frameworks {
    framework: Vec<Framework>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Framework {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    not_measurable: Vec<String>,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: String,
    title: String,
}

fn frameworks() -> Vec<Framework> {
    toml::from_str::<Frameworks>(include_str!("../queries/frameworks.toml")).expect("queries/frameworks.toml").framework
}

fn titles() -> BTreeMap<String, String> {
    frameworks().into_iter().flat_map(|framework| framework.items).map(|item| (item.id, item.title)).collect()
}

#[test]
fn the_list_is_whole_and_says_where_it_comes_from() {
    let frameworks = frameworks();
    let count = |name: &str| frameworks.iter().find(|framework| framework.name == name).map_or(0, |framework| framework.items.len());
    assert_eq!((count("OWASP Non-Human Identities Top 10"), count("OWASP API Security Top 10")), (10, 10), "a Top 10 has ten items");
    assert_eq!((count("NIST CSF"), count("NIST AI RMF")), (19, 11), "every subcategory that metrics.md uses");
    let n_items: usize = frameworks.iter().map(|framework| framework.items.len()).sum();
    assert_eq!(titles().len(), n_items, "an id stands once");
    assert!(frameworks.iter().all(|framework| framework.source.starts_with("https://") && !framework.version.is_empty()));
}

/// Older texts swap these (metrics.md, Framework map), so they are pinned word by word.
#[test]
fn ids_that_older_texts_confuse_have_their_own_titles() {
    let titles = titles();
    for (id, title) in [
        ("NHI1:2025", "Improper Offboarding"),
        ("NHI2:2025", "Secret Leakage"),
        ("NHI3:2025", "Vulnerable Third-Party NHI"),
        ("NHI4:2025", "Insecure Authentication"),
        ("NHI5:2025", "Overprivileged NHI"),
        ("NHI6:2025", "Insecure Cloud Deployment Configurations"),
        ("NHI7:2025", "Long-Lived Secrets"),
        ("NHI8:2025", "Environment Isolation"),
        ("NHI9:2025", "NHI Reuse"),
        ("NHI10:2025", "Human Use of NHI"),
        ("API2:2023", "Broken Authentication"),
        ("API5:2023", "Broken Function Level Authorization"),
        ("API8:2023", "Security Misconfiguration"),
    ] {
        assert_eq!(titles[id], title, "{id}");
    }
    assert!(!titles.contains_key("PR.AC-1"), "PR.AC-1 is CSF 1.1; CSF 2.0 calls it PR.AA-01");
}

#[test]
fn every_reference_of_a_metric_is_in_the_list() {
    let titles = titles();
    let unmeasurable: Vec<String> = frameworks().into_iter().flat_map(|framework| framework.not_measurable).collect();
    let definitions = Catalog::new(&[]).expect("the catalog").definitions();
    for (id, definition) in &definitions {
        assert!(!definition.frameworks.is_empty(), "{id} names no framework");
        for reference in &definition.frameworks {
            assert!(titles.contains_key(reference), "{id} names {reference}, which queries/frameworks.toml does not hold");
            assert!(!unmeasurable.contains(reference), "{id} names {reference}, which these logs cannot measure");
        }
    }
}

/// metrics.md, Framework map: which references each family must name.
#[test]
fn each_family_names_what_the_contract_maps_it_to() {
    let map: [(&str, &[&str]); 7] = [
        ("SC", &["NHI4:2025", "API2:2023", "PR.AA-03", "PR.AA-04", "MEASURE 2.7"]),
        ("TK", &["NHI7:2025", "NHI2:2025", "PR.AA-01", "MANAGE 2.4"]),
        ("SP", &["NHI5:2025", "API5:2023", "PR.AA-05", "GOVERN 1.6"]),
        ("RV", &["NHI1:2025", "NHI2:2025", "RS.MI-01", "RS.MI-02", "PR.AA-01", "RS.AN-08", "MANAGE 2.4", "MANAGE 4.3"]),
        ("ID", &["NHI1:2025", "ID.AM-02", "ID.AM-08", "GV.RR-02", "GOVERN 1.6", "GOVERN 1.7", "GOVERN 2.1"]),
        (
            "RT",
            &[
                "NHI4:2025",
                "NHI5:2025",
                "API2:2023",
                "API5:2023",
                "API8:2023",
                "PR.AA-05",
                "DE.CM-01",
                "DE.CM-03",
                "DE.CM-09",
                "DE.AE-03",
                "MEASURE 2.4",
                "MANAGE 4.1",
            ],
        ),
        ("EX", &["NHI3:2025", "ID.RA-06", "ID.RA-07", "MANAGE 1.4"]),
    ];
    let definitions = Catalog::new(&[]).expect("the catalog").definitions();
    for (id, definition) in &definitions {
        let (_, wanted) = map.iter().find(|(family, _)| id.starts_with(family)).unwrap_or_else(|| panic!("{id} belongs to no family of metrics.md"));
        assert_eq!(definition.frameworks, *wanted, "{id}");
    }
}
