package errors

var storeCodes = []*Code{}
