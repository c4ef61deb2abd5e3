//! Which framework a reference belongs to, and its title. The references stand in metric.toml.

/// Framework -> references with titles, in the order of first mention.
pub fn grouped(references: &[String]) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for reference in references {
        let framework = framework_of(reference);
        let named = match title_of(reference) {
            Some(title) => format!("{reference} {title}"),
            None => reference.clone(),
        };
        match groups.iter_mut().find(|(name, _)| name == framework) {
            Some((_, list)) => list.push(named),
            None => groups.push((framework.to_owned(), vec![named])),
        }
    }
    groups
}

fn framework_of(reference: &str) -> &'static str {
    let is_csf = |it: &str| it.len() > 2 && it.as_bytes()[2] == b'.' && it.contains('-');
    match reference {
        it if it.starts_with("NHI") => "OWASP Non-Human Identities Top 10",
        it if it.starts_with("API") => "OWASP API Security Top 10",
        it if ["GOVERN", "MAP", "MEASURE", "MANAGE"].iter().any(|name| it.starts_with(name)) => "NIST AI RMF 1.0",
        it if is_csf(it) => "NIST CSF 2.0",
        _ => "Other",
    }
}

/// Titles of metrics.md, Framework map, and of the OWASP API Security Top 10 of 2023.
fn title_of(reference: &str) -> Option<&'static str> {
    let (id, _) = reference.split_once(':')?;
    Some(match id {
        "NHI1" => "Improper Offboarding",
        "NHI2" => "Secret Leakage",
        "NHI3" => "Vulnerable Third-Party NHI",
        "NHI4" => "Insecure Authentication",
        "NHI5" => "Overprivileged NHI",
        "NHI6" => "Insecure Cloud Deployment Configurations",
        "NHI7" => "Long-Lived Secrets",
        "NHI8" => "Environment Isolation",
        "NHI9" => "NHI Reuse",
        "NHI10" => "Human Use of NHI",
        "API2" => "Broken Authentication",
        "API5" => "Broken Function Level Authorization",
        "API8" => "Security Misconfiguration",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_grouped_by_framework() {
        let references = ["NHI4:2025", "API2:2023", "PR.AA-03", "MEASURE 2.7", "PR.AA-04"];
        let groups = grouped(&references.map(str::to_owned));
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["OWASP Non-Human Identities Top 10", "OWASP API Security Top 10", "NIST CSF 2.0", "NIST AI RMF 1.0"]);
        assert_eq!(groups[0].1, ["NHI4:2025 Insecure Authentication"]);
        assert_eq!(groups[2].1, ["PR.AA-03", "PR.AA-04"]);
    }
}
