#!/usr/bin/perl
# A form and its answer in one CGI script, with nothing but core Perl.
use strict;
use warnings;

sub escaped {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    $text =~ s/([&<>"])/$entity{$1}/g;
    return $text;
}

sub decoded {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

my $body = '';
read STDIN, $body, $ENV{CONTENT_LENGTH} || 0;
my %field = map { my ($name, $value) = split /=/, $_, 2; decoded($name) => decoded($value // '') } split /&/, $body;

print "Content-Type: text/html; charset=utf-8\n\n";
print "<!doctype html><title>Guest book</title><body style='font:1.1rem/1.6 Georgia,serif;max-width:36rem;margin:4rem auto'>";
print '<h1>Thank you, ', escaped($field{name} || 'stranger'), '</h1>' if $ENV{REQUEST_METHOD} eq 'POST';
print "<form method='post'><p><label>Your name <input name='name'></label> <button>Sign</button></form>";
print "<p><small>Perl $^V, process $$, started for this request.</small>";
