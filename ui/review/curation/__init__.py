"""Gates, selection and audits as the page reads them, and the decisions of reviewers on them."""
