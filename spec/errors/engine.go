package errors

var engineCodes = []*Code{}
